// The JSON bodies of the image protocol. Written for speed: millions of small ones come, and Zod takes 2 to 3 µs for each.

import { z } from "zod";
import type { BodyShape } from "../body.ts";

const DIGEST = /^[0-9a-f]{64}$/;

export const Sha256 = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, "must be 64 hexadecimal digits")
  .transform((digits) => digits.toLowerCase());
const Size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

export const RegistrationSchema = z.object({ sha256: Sha256, size: Size, chunk_size: Size.min(1) });
export const ImageChunkSchema = z.object({ id: Size, size: Size, data: z.string() });

export type Registration = z.infer<typeof RegistrationSchema>;
export type ImageChunk = z.infer<typeof ImageChunkSchema>;

export const registration: BodyShape<Registration> = {
  schema: RegistrationSchema,
  isPlain: (value): value is Registration =>
    isMembers(value) &&
    isDigest(value["sha256"]) &&
    isSize(value["size"]) &&
    isSize(value["chunk_size"]) &&
    value["chunk_size"] > 0,
};

export const imageChunk: BodyShape<ImageChunk> = {
  schema: ImageChunkSchema,
  isPlain: (value): value is ImageChunk =>
    isMembers(value) && isSize(value["id"]) && isSize(value["size"]) && typeof value["data"] === "string",
};

/** A SHA-256 as it is written here, in lower case. */
export function isDigest(value: unknown): value is string {
  return typeof value === "string" && DIGEST.test(value);
}

function isMembers(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
