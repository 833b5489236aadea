/** One of a few, side by side. */

export interface SegmentsProps<Value extends string> {
  name: string;
  title: string;
  options: readonly (readonly [value: Value, label: string])[];
  chosen: Value;
  onChoose: (value: Value) => void;
}

export function Segments<Value extends string>({ name, title, options, chosen, onChoose }: SegmentsProps<Value>) {
  return (
    <fieldset class="naming">
      <legend>{title}</legend>
      <div class="segments">
        {options.map(([value, label]) => (
          <label key={value}>
            <input
              type="radio"
              name={name}
              value={value}
              checked={chosen === value}
              onChange={() => onChoose(value)}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
