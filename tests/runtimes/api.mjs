// The worker's HTTP API as the tests call it: plain `fetch`, nothing of the client under test.

/**
 * @param {string} origin
 * @param {string} key
 */
export function ledgerApi(origin, key) {
  const path = (customer, rest) => `/v1/customers/${encodeURIComponent(customer)}/${rest}`;
  const request = async (method, url, body, headers = {}) => {
    const response = await fetch(`${origin}${url}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, json: await response.json() };
  };
  return {
    balance: async (customer, query = "") =>
      (await request("GET", path(customer, `balance${query}`))).json,
    transactions: async (customer, query = "") =>
      (await request("GET", path(customer, `transactions${query}`))).json,
    /** Adds credits, or throws: the tests' own preparation must not fail silently. */
    grant: async (customer, amount, rest = {}) => {
      const body = { amount, type: "topup", ...rest };
      const answer = await request("POST", path(customer, "add"), body);
      if (answer.status !== 200) throw new Error(`no grant: ${JSON.stringify(answer.json)}`);
      return answer.json;
    },
    add: (customer, body, headers) => request("POST", path(customer, "add"), body, headers),
    consume: (customer, body, headers) => request("POST", path(customer, "consume"), body, headers),
    gate: (customer, body, headers) =>
      request("POST", path(customer, "consume"), { ...body, on_insufficient: "reject" }, headers),
    batch: (customer, items, headers) => request("POST", path(customer, "batch"), { items }, headers),
    hold: (customer, body, headers) => request("POST", path(customer, "holds"), body, headers),
    holds: async (customer, query = "") =>
      (await request("GET", path(customer, `holds${query}`))).json,
    holdState: (customer, hold) => request("GET", path(customer, `holds/${hold}`)),
    holdChange: (customer, hold, change, body = {}) =>
      request("POST", path(customer, `holds/${hold}/${change}`), body),
    voidGrant: (customer, grant, body = {}) =>
      request("POST", path(customer, `grants/${grant}/void`), body),
  };
}
