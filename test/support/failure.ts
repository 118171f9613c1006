// The error of a promise that must fail.
//
// For tests with processes, in place of `expect(promise).rejects`: that runs the event loop from inside, and Bun 1.4
// then loses the end of a child process now and then.

/** The error `promise` rejects with; throws if it resolves. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error(`rejected with what is no error: ${String(error)}`, { cause: error });
  }
  throw new Error(`it should have failed, and gave ${String(value)}`);
}
