// Starts a merge of the bucket's log files between two dates.

import { Button, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { startMerge } from "../transfers.ts";

export function MergeForm(): ReactNode {
  const [start, setStart] = useState(() => daysAgo(6));
  const [end, setEnd] = useState(() => daysAgo(0));
  const [tried, setTried] = useState(false);
  const backwards = start !== "" && end !== "" && end < start;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setTried(true);
    if (start !== "" && end !== "" && !backwards) startMerge(start, end);
  };
  return (
    <form className="card action" onSubmit={submit} noValidate>
      <h2>Merge log files</h2>
      <p className="plain dim">
        All sorted files of these days, named like <code>2026-11-21_0.log</code> in the bucket that the server
        was started with, as one sorted file. Both days are included.
      </p>
      <div className="dates">
        <TextInput
          type="date"
          label="First day"
          name="start"
          value={start}
          error={tried && start === "" && "Choose a day"}
          onChange={(event) => setStart(event.currentTarget.value)}
        />
        <TextInput
          type="date"
          label="Last day"
          name="end"
          value={end}
          error={(tried && end === "" && "Choose a day") || (backwards && "Lies before the first day")}
          onChange={(event) => setEnd(event.currentTarget.value)}
        />
        <Button type="submit" disabled={backwards}>
          Merge
        </Button>
      </div>
    </form>
  );
}

/** The local date, as an `<input type="date">` has it. */
function daysAgo(days: number): string {
  const date = new Date();
  date.setDate(date.getDate() - days);
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
