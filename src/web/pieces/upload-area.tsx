// The area to drop a CSV on, or to choose one with the keyboard.

import { type ReactNode, useRef } from "react";
import { useDrop } from "../drop.ts";
import { startUpload } from "../transfers.ts";
import { Tray } from "./icons.tsx";

export function UploadArea(): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  const { isOver, handlers } = useDrop((files) => files.forEach(startUpload));
  return (
    <div className="card action">
      <h2>Total up a CSV</h2>
      <p className="plain dim">
        Plays per song and date, from the columns <code>Song</code>, <code>Date</code> and{" "}
        <code>Number of Plays</code>. Files of any size are sent in chunks.
      </p>
      <input
        ref={input}
        type="file"
        accept=".csv,text/csv"
        multiple
        hidden
        data-testid="csv-input"
        onChange={(event) => {
          for (const file of event.currentTarget.files ?? []) startUpload(file);
          event.currentTarget.value = "";
        }}
      />
      <button
        type="button"
        className="drop"
        data-over={isOver || undefined}
        onClick={() => input.current?.click()}
        {...handlers}
      >
        <Tray />
        <span>
          <strong>Drop CSV files here</strong>, or choose them
        </span>
      </button>
    </div>
  );
}
