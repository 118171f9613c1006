// The few icons of the dashboard, drawn in the current text colour.

import type { ReactNode } from "react";

export function Brand(): ReactNode {
  return (
    <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
      <ellipse cx="16" cy="25.5" rx="13" ry="4.6" fill="currentColor" />
      <ellipse cx="15.2" cy="16.4" rx="9" ry="3.9" fill="currentColor" opacity=".8" />
      <ellipse cx="16.8" cy="8.6" rx="5.4" ry="3.1" fill="currentColor" opacity=".6" />
    </svg>
  );
}

export function Sun(): ReactNode {
  return (
    <Line>
      <circle cx="12" cy="12" r="4" />
      <path d="M12 3v1M12 20v1M3 12h1M20 12h1M5.6 5.6l.7.7M17.7 17.7l.7.7M5.6 18.4l.7-.7M17.7 6.3l.7-.7" />
    </Line>
  );
}

export function Moon(): ReactNode {
  return (
    <Line>
      <path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z" />
    </Line>
  );
}

export function Chevron(): ReactNode {
  return (
    <Line>
      <path d="M9 6l6 6-6 6" />
    </Line>
  );
}

export function Tray(): ReactNode {
  return (
    <Line>
      <path d="M12 4v10M8 8l4-4 4 4M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3" />
    </Line>
  );
}

export function Download(): ReactNode {
  return (
    <Line>
      <path d="M12 4v11M8 11l4 4 4-4M4 19h16" />
    </Line>
  );
}

export function Copy(): ReactNode {
  return (
    <Line>
      <rect x="8" y="8" width="12" height="12" rx="2" />
      <path d="M16 8V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h2" />
    </Line>
  );
}

export function Check(): ReactNode {
  return (
    <Line>
      <path d="M5 12.5l4.5 4.5L19 7.5" />
    </Line>
  );
}

export function Search(): ReactNode {
  return (
    <Line>
      <circle cx="11" cy="11" r="6.5" />
      <path d="M16 16l4.5 4.5" />
    </Line>
  );
}

function Line({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <svg
      className="icon"
      width="18"
      height="18"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      {children}
    </svg>
  );
}
