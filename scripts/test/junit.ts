// Reads the JUnit report that `bun test` writes for one file.

export interface TestCase {
  /** With the names of its groups: `group > name`. */
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
}

/** Bun's own XML is regular, so three patterns read it: one element per case, with its outcome as a child. */
export function readReport(xml: string): TestCase[] {
  const cases: TestCase[] = [];
  for (const [, attributes = "", body = ""] of xml.matchAll(
    /<testcase\b((?:\s+[\w-]+="[^"]*")*)\s*(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const group = attribute(attributes, "classname");
    const name = attribute(attributes, "name");
    const outcome = /<(failure|error)\b/.test(body)
      ? "failed"
      : /<skipped\b/.test(body)
        ? "skipped"
        : "passed";
    cases.push({ name: group === "" ? name : `${group} > ${name}`, outcome });
  }
  return cases;
}

function attribute(attributes: string, name: string): string {
  const value = attributes.match(new RegExp(`\\b${name}="([^"]*)"`))?.[1] ?? "";
  return value
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&#10;", " ")
    .replaceAll("&amp;", "&");
}
