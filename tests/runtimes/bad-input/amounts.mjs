// Amounts. `text` is the amount as it stands in the JSON body.

const M = "8000000000";

export const REFUSED_CHARGES = [
  ["0", 400, "amount_zero"],
  ["0.0", 400, "amount_zero"],
  ["0e5", 400, "amount_zero"],
  ['"0"', 400, "amount_zero"],
  ["-1", 400, "amount_negative"],
  ["-0", 400, "amount_negative"],
  ["-0.0", 400, "amount_negative"],
  ["-0.000001", 400, "amount_negative"],
  ['"-5"', 400, "amount_negative"],
  ["0.0000001", 400, "amount_precision"],
  ["1.0000001", 400, "amount_precision"],
  ["1e-7", 400, "amount_precision"],
  ['"0.0000001"', 400, "amount_precision"],
  ["1e400", 422, "amount_too_large"],
  ["1E400", 422, "amount_too_large"],
  ["1e99999999999999999999", 422, "amount_too_large"],
  [`${M}.000001`, 422, "amount_too_large"],
  ["9007199254740993", 422, "amount_too_large"],
  ["9223372036854775807", 422, "amount_too_large"],
  ["9223372036854775808", 422, "amount_too_large"],
  ["18446744073709551616", 422, "amount_too_large"],
  ["340282366920938463463374607431768211456", 422, "amount_too_large"],
  [`"${"9".repeat(1000)}"`, 422, "amount_too_large"],
  ['"0x10"', 400, "invalid_type"],
  ['"١٢"', 400, "invalid_type"],
  ['" 5"', 400, "invalid_type"],
  ['"5 "', 400, "invalid_type"],
  ['"+5"', 400, "invalid_type"],
  ['"1_000"', 400, "invalid_type"],
  ['"1,5"', 400, "invalid_type"],
  ['"1e3"', 400, "invalid_type"],
  ['".5"', 400, "invalid_type"],
  ['"5."', 400, "invalid_type"],
  ['"NaN"', 400, "invalid_type"],
  ['""', 400, "invalid_type"],
  ['"true"', 400, "invalid_type"],
  ["true", 400, "invalid_type"],
  ["false", 400, "invalid_type"],
  ["[1]", 400, "invalid_type"],
  ['{"value": 1}', 400, "invalid_type"],
].map(([text, status, code]) => ({
  what: `a charge of ${text.length > 50 ? `${text.slice(0, 20)}…` : text}`,
  send: { body: `{"amount": ${text}}` },
  status,
  code,
  param: "amount",
}));

/** `null` is a missing field, whichever the table of types would say. */
export const NULL_AMOUNT = [
  { what: "a charge of null", send: { body: '{"amount": null}' }, status: 400, param: "amount" },
];

export const REFUSED_GRANTS = [
  ["0", 400, "amount_zero"],
  ["-1", 400, "amount_negative"],
  ["-0", 400, "amount_negative"],
  ["1e-7", 400, "amount_precision"],
  [`${M}.000001`, 422, "amount_too_large"],
  ["true", 400, "invalid_type"],
  // The customer already has something: the sum would leave the range.
  [M, 422, "amount_overflow"],
].map(([text, status, code]) => ({
  what: `a grant of ${text}`,
  send: { rest: "add", body: `{"amount": ${text}, "type": "topup"}` },
  status,
  code,
}));

/** What is an amount, and how much of 10 000 a charge of it leaves. */
export const ACCEPTED_CHARGES = [
  ["1e3", 9000],
  ["1E+3", 9000],
  ["1000.000000", 9000],
  ["1.5e1", 9985],
  ["0.1", 9999.9],
  ["0.10000000", 9999.9],
  ["1e-6", 9999.999999],
  ['"0.000001"', 9999.999999],
  ['"2.50"', 9997.5],
  ["10000", 0],
];
