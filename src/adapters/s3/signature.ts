// Signed addresses (AWS Signature 4) for requests that Bun's own client cannot sign: those with a query of their own.

import { createHmac } from "node:crypto";

export interface S3Keys {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** Seconds that an address is valid. */
const VALID = 900;

/** `object`: its address; what query it has is replaced by `query` and the signature. */
export function signedUrl(
  method: "GET" | "PUT" | "POST" | "DELETE",
  object: string,
  query: Readonly<Record<string, string>>,
  { region, accessKeyId, secretAccessKey, sessionToken }: S3Keys,
): string {
  const { origin, host, pathname } = new URL(object);
  const moment = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = `${moment.slice(0, 8)}/${region}/s3/aws4_request`;
  const all: Record<string, string> = {
    ...query,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${accessKeyId}/${scope}`,
    "X-Amz-Date": moment,
    "X-Amz-Expires": String(VALID),
    "X-Amz-SignedHeaders": "host",
    ...(sessionToken && { "X-Amz-Security-Token": sessionToken }),
  };
  const text = Object.entries(all)
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join("&");
  const request = [method, pathname, text, `host:${host}\n`, "host", "UNSIGNED-PAYLOAD"].join("\n");
  const digest = new Bun.CryptoHasher("sha256").update(request).digest("hex");
  const hmac = (key: string | Buffer, data: string) => createHmac("sha256", key).update(data).digest();
  const key = scope.split("/").reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", moment, scope, digest].join("\n")).toString("hex");
  return `${origin}${pathname}?${text}&X-Amz-Signature=${signature}`;
}

/** RFC 3986, of which `encodeURIComponent` leaves out some. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
