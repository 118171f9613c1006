// Starts the dashboard.

import { createTheme, type MantineColorsTuple, MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";

const MOSS: MantineColorsTuple = [
  "#eef7f5",
  "#dcebe8",
  "#b6d6d0",
  "#8dc0b7",
  "#6baea3",
  "#55a296",
  "#489c8f",
  "#39877b",
  "#2f7d74",
  "#1b695f",
];

const theme = createTheme({
  primaryColor: "moss",
  primaryShade: 8,
  colors: { moss: MOSS },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: { fontWeight: "600" },
});

const client = new QueryClient({
  defaultOptions: { queries: { retry: 1, refetchIntervalInBackground: false, staleTime: 500 } },
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <MantineProvider theme={theme} defaultColorScheme="auto">
          <App />
        </MantineProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
