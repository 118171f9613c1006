// Whether a page of another site asks: a browser adds the password that it knows, and may reach what its page's owner cannot.

/**
 * Browsers say so in Sec-Fetch-Site, but not to a server that they do not trust: `http://` beyond loopback. To such a one
 * the origin of the page tells, which comes with everything that could change something. Programs send neither.
 */
export function isCrossSite({ headers }: Request): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null) return site === "cross-site";
  const origin = headers.get("origin");
  if (origin === null) return false;
  const asked = headers.get("x-forwarded-host")?.split(",", 1)[0] ?? headers.get("host") ?? "";
  // Our doors are ports of one host, and pages of one of them may use another.
  return hostOf(origin) !== hostOf(`http://${asked.trim()}`);
}

/** Undefined for what has none: `null` is the origin of a sandboxed page, and of a file. */
function hostOf(url: string): string | undefined {
  return URL.parse(url)?.hostname || undefined;
}
