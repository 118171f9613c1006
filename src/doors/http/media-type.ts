// The media type that a client claims for its file.

/** The claim if it is one media type, without surprises, since it goes into a header later; else that of any bytes. */
export function mediaType(claim: string | null): string {
  const isType = /^[\w.+-]{1,100}\/[\w.+-]{1,100}(;\s*[\w-]{1,40}=[\w.-]{1,40})?$/.test(claim ?? "");
  return isType && claim !== null ? claim : "application/octet-stream";
}
