// Requests of the tus protocol, as a client sends them, and large pseudo-random content.

export const TUS = { "tus-resumable": "1.0.0" };
export const TUS_BODY = { ...TUS, "content-type": "application/offset+octet-stream" };

export type TusHeaders = Readonly<Record<string, string>>;

/** Plain requests to one server's /uploads. */
export class TusCaller {
  readonly origin: string;

  constructor(origin: string) {
    this.origin = origin;
  }

  /** POST; returns the response. */
  post(headers: TusHeaders, body?: BodyInit): Promise<Response> {
    return fetch(`${this.origin}/uploads`, {
      method: "POST",
      headers: { ...TUS, ...headers },
      body: body ?? null,
    });
  }

  /** Creates an upload of `size` bytes and returns its URL. */
  async create(size: number, headers: TusHeaders = {}): Promise<string> {
    const response = await this.post({ "upload-length": String(size), ...headers });
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    return new URL(response.headers.get("location") ?? "", this.origin).href;
  }

  patch(url: string, offset: number, body: BodyInit, headers: TusHeaders = {}): Promise<Response> {
    const all = { ...TUS_BODY, "upload-offset": String(offset), ...headers };
    return fetch(url, { method: "PATCH", headers: all, body });
  }

  head(url: string): Promise<Response> {
    return fetch(url, { method: "HEAD", headers: TUS });
  }

  /** Where the upload stands. */
  async offset(url: string): Promise<number> {
    return Number((await this.head(url)).headers.get("upload-offset") ?? Number.NaN);
  }
}

/** `base64` of `text`. */
export function base64(text: string | Uint8Array): string {
  return Buffer.from(text).toString("base64");
}
