/** What Deno takes its own authorities from, at the first use of TLS in a process. */
const DENO_VARIABLES = ["DENO_TLS_CA_STORE", "DENO_CERT"] as const;

/** Where distributions keep the authorities that the system trusts, in one file. */
const SYSTEM_FILES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * The `caCerts` of a TLS client that trusts these authorities alone. Deno adds them to its own, by
 * which any of the web's authorities could speak for the server; so those are made none, for the whole
 * process.
 *
 * @param authorities in PEM; none means those of the system, which are SSL_CERT_FILE's, if it is set
 */
export function trustOnly(authorities: readonly string[]): string[] {
  emptyOwnAuthorities();
  return authorities.length > 0 ? [...authorities] : systemAuthorities();
}

function emptyOwnAuthorities(): void {
  const values = DENO_VARIABLES.map((name) => [name, Deno.env.get(name)] as const);
  Deno.env.set("DENO_TLS_CA_STORE", "");
  Deno.env.delete("DENO_CERT");
  try {
    // Has Deno read them, once for the process.
    Deno.createHttpClient({}).close();
  } finally {
    // For the programs that guest-exec starts.
    for (const [name, value] of values) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

/** Empty when there is no such file: then no server is trusted. */
function systemAuthorities(): string[] {
  const own = Deno.env.get("SSL_CERT_FILE") ?? "";
  for (const path of own === "" ? SYSTEM_FILES : [own]) {
    try {
      return [Deno.readTextFileSync(path)];
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return [];
}
