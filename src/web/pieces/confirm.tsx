// A button that asks before it does what cannot be undone.

import { Button, type ButtonProps, Group, Modal } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { ReactNode } from "react";
import { Problem } from "./notices.tsx";

export interface ConfirmProps {
  readonly label: string;
  readonly title: string;
  readonly children: ReactNode;
  readonly button?: ButtonProps;
  readonly error: unknown;
  readonly pending: boolean;
  readonly onConfirm: (done: () => void) => void;
}

export function Confirm(props: ConfirmProps): ReactNode {
  const [opened, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button
        size="compact-sm"
        variant="subtle"
        color="red"
        className="danger"
        {...props.button}
        onClick={open}
      >
        {props.label}
      </Button>
      <Modal opened={opened} onClose={close} title={props.title} centered>
        <div className="stack">
          {props.children}
          {props.error !== null && <Problem error={props.error} title="That did not work" />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={close} data-autofocus>
              Keep it
            </Button>
            <Button color="red" loading={props.pending} onClick={() => props.onConfirm(close)}>
              {props.label}
            </Button>
          </Group>
        </div>
      </Modal>
    </>
  );
}
