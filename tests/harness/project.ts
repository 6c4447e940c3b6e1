/** The checkout's directory, from which a test names files wherever it was started. */
export const PROJECT = decodeURIComponent(new URL("../..", import.meta.url).pathname)
  .replace(/\/$/, "");
