/**
 * Waits until something answers at a URL: the agent serves HTTP a moment after its port.
 *
 * @throws {TypeError} when nothing does within 10 seconds.
 */
export async function httpReady(url: string): Promise<void> {
  for (const end = performance.now() + 10_000;;) {
    try {
      await (await fetch(url)).text();
      return;
    } catch (error) {
      if (!(error instanceof TypeError) || performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
