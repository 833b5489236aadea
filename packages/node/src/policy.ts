/**
 * Upload policies: what a form must satisfy, written as the JSON that gets signed.
 *
 * Source: OSS, "PostObject" and "Appendix: Post Policy".
 */

/** One rule of a policy. Names of fields come without `$`; values are compared byte for byte. */
export type Condition =
  | { readonly operator: "eq"; readonly field: string; readonly value: string }
  | { readonly operator: "starts-with"; readonly field: string; readonly value: string }
  | { readonly operator: "in"; readonly field: string; readonly values: readonly string[] }
  | { readonly operator: "not-in"; readonly field: string; readonly values: readonly string[] }
  | { readonly operator: "content-length-range"; readonly min: number; readonly max: number };

/**
 * Builds a policy, condition by condition.
 *
 * A field without a condition may have any value and may be left out: bind whatever matters, above
 * all `key`, the length and `callback`.
 */
export class PolicyBuilder {
  readonly #expiration: Date;
  readonly #conditions: Condition[] = [];

  /** A policy that holds until `expiration`. */
  constructor(expiration: Date) {
    const year = expiration.getUTCFullYear();
    // Later years have more than four digits, which no server reads.
    if (!(year >= 1970 && year <= 9999)) {
      throw new RangeError("the policy's expiration is not a date between 1970 and 9999");
    }
    this.#expiration = new Date(expiration);
  }

  /** The form must be sent to this bucket. */
  bucket(name: string): this {
    return this.equals("bucket", name);
  }

  /**
   * The field must have this value. In `key`, `${filename}` stands for itself: it is compared before
   * the file's name takes its place.
   */
  equals(field: string, value: string): this {
    return this.and({ operator: "eq", field, value });
  }

  /** The field must begin so. */
  startsWith(field: string, prefix: string): this {
    return this.and({ operator: "starts-with", field, value: prefix });
  }

  /** The field must have one of these values. */
  isIn(field: string, values: Iterable<string>): this {
    return this.and({ operator: "in", field, values: [...values] });
  }

  /** The field must have none of these values. */
  notIn(field: string, values: Iterable<string>): this {
    return this.and({ operator: "not-in", field, values: [...values] });
  }

  /** The file must have so many bytes, both bounds included. */
  contentLengthRange(min: number, max: number): this {
    return this.and({ operator: "content-length-range", min, max });
  }

  /** One more condition. */
  and(condition: Condition): this {
    check(condition);
    this.#conditions.push(condition);
    return this;
  }

  /**
   * The policy. The protocol refuses one without conditions, so that one says in its words what it
   * means: a file of any length.
   */
  build(): PolicyDocument {
    const anyLength: Condition = {
      operator: "content-length-range",
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
    };
    const conditions = this.#conditions.length === 0 ? [anyLength] : [...this.#conditions];
    return new PolicyDocument(this.#expiration, conditions);
  }
}

/** A policy that can be signed. {@link PolicyBuilder} makes it. */
export class PolicyDocument {
  /** When it expires. */
  readonly expiration: Date;
  /** Its conditions, in order. */
  readonly conditions: readonly Condition[];

  constructor(expiration: Date, conditions: readonly Condition[]) {
    this.expiration = expiration;
    this.conditions = conditions;
  }

  /** The JSON text. */
  text(): string {
    return JSON.stringify({
      expiration: this.expiration.toISOString(),
      conditions: this.conditions.map(written),
    });
  }

  /** The base64 text, which is what gets signed. */
  encode(): string {
    return Buffer.from(this.text()).toString("base64");
  }
}

/** The list that stands for a condition in the JSON. */
function written(condition: Condition): unknown[] {
  switch (condition.operator) {
    case "content-length-range":
      return [condition.operator, condition.min, condition.max];
    case "in":
    case "not-in":
      return [condition.operator, `$${condition.field}`, condition.values.map(withEscapes)];
    case "eq":
    case "starts-with":
      return [condition.operator, `$${condition.field}`, withEscapes(condition.value)];
  }
}

/** `$` marks a variable in the policy's own language, so a dollar of the value is written `\$`. */
function withEscapes(value: string): string {
  return value.replaceAll("$", "\\$");
}

/** JSON has no place for these: `undefined` of a missing variable would vanish without a word. */
function check(condition: Condition): void {
  if (condition.operator === "content-length-range") {
    const { min, max } = condition;
    if (!(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min >= 0 && max >= min)) {
      throw new RangeError(
        `content-length-range wants whole numbers with 0 <= min <= max, not ${min} and ${max}`,
      );
    }
    return;
  }
  const values: readonly unknown[] = "values" in condition ? condition.values : [condition.value];
  if (typeof condition.field !== "string" || condition.field === "") {
    throw new TypeError("a condition needs the name of a field");
  }
  if (!values.every((value) => typeof value === "string")) {
    throw new TypeError(`the condition on \`${condition.field}\` wants text to compare with`);
  }
}
