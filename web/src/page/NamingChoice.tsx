/** "Keep the name" or "random name", for the files chosen from now on. */
import type { Naming } from "uppy-upcall";
import type { Messages } from "../messages";

export interface NamingChoiceProps {
  naming: Naming;
  messages: Messages;
  onChoose: (naming: Naming) => void;
}

export function NamingChoice({ naming, messages, onChoose }: NamingChoiceProps) {
  const options: [Naming, string][] = [
    ["keep", messages.namingKeep],
    ["random", messages.namingRandom],
  ];
  return (
    <fieldset class="naming">
      <legend>{messages.namingTitle}</legend>
      <div class="segments">
        {options.map(([value, label]) => (
          <label key={value}>
            <input
              type="radio"
              name="naming"
              value={value}
              checked={naming === value}
              onChange={() => onChoose(value)}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
