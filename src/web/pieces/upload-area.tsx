// The area to drop a CSV on, or to choose one with the keyboard.

import { type DragEvent, type ReactNode, useRef, useState } from "react";
import { startUpload } from "../transfers.ts";
import { Tray } from "./icons.tsx";

export function UploadArea(): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const start = (files: FileList | null): void => {
    for (const file of files ?? []) startUpload(file);
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    start(event.dataTransfer.files);
  };
  const drag = (event: DragEvent): void => {
    event.preventDefault();
    setOver(true);
  };
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
          start(event.currentTarget.files);
          event.currentTarget.value = "";
        }}
      />
      <button
        type="button"
        className="drop"
        data-over={over || undefined}
        onClick={() => input.current?.click()}
        onDrop={drop}
        onDragOver={drag}
        onDragLeave={() => setOver(false)}
      >
        <Tray />
        <span>
          <strong>Drop CSV files here</strong>, or choose them
        </span>
      </button>
    </div>
  );
}
