// A filter that is typed: shown at once, put into the URL when the typing pauses, and changed by links and Back.

import { useDebouncedValue } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { replaceParams } from "./location.ts";

export interface Filter {
  /** What stands in the input. */
  readonly text: string;
  /** What the URL has, and the list is filtered by. */
  readonly value: string;
  readonly setText: (text: string) => void;
}

/** The filter that the URL's parameter `name` holds. */
export function useFilter(params: URLSearchParams, name: string): Filter {
  const value = params.get(name) ?? "";
  const [text, setText] = useState(value);
  const [settled] = useDebouncedValue(text, 200);
  // What the URL and the input last agreed on: whichever differs from it is the one that has changed.
  const agreed = useRef(value);
  useEffect(() => {
    if (settled === agreed.current) return;
    agreed.current = settled;
    replaceParams({ [name]: settled, open: "" });
  }, [settled, name]);
  useEffect(() => {
    if (value === agreed.current) return;
    agreed.current = value;
    setText(value);
  }, [value]);
  return { text, value, setText };
}
