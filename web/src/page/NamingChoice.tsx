/** "Keep the name" or "random name", for the files chosen from now on. */
import type { Naming } from "uppy-upcall";
import type { Messages } from "../messages";
import { Segments } from "./Segments";

export interface NamingChoiceProps {
  naming: Naming;
  messages: Messages;
  onChoose: (naming: Naming) => void;
}

export function NamingChoice({ naming, messages, onChoose }: NamingChoiceProps) {
  const options = [
    ["keep", messages.namingKeep],
    ["random", messages.namingRandom],
  ] as const;
  return (
    <Segments
      name="naming"
      title={messages.namingTitle}
      options={options}
      chosen={naming}
      onChoose={onChoose}
    />
  );
}
