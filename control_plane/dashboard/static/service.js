// Asks the services with the user's token.

import * as token from "./token.js";

export class Refused extends Error {
  constructor(detail, status) {
    super(detail);
    this.status = status;
  }
}

export class NotReached extends Error {}

export class Service {
  // `reached` says what may be wrong when it does not answer.
  constructor(name, address, reached = "") {
    this.name = name;
    this.address = address;
    this.reached = reached;
    this.wrongToken = `${name} does not know this token.`;
  }

  away() {
    return new NotReached(`${this.name} does not answer. ${this.reached}`.trim());
  }

  // The sentence of a problem document (RFC 9457).
  detailOf(body, status) {
    try {
      return JSON.parse(body).detail || `${this.name} answers ${status}.`;
    } catch {
      return `${this.name} answers ${status}.`;
    }
  }

  // An answer that is no refusal; a token that is not known is asked for again.
  async ask(method, path, options) {
    let given = await token.needed(`${this.name} does this only with a token.`);
    while (given !== null) {
      const headers = { ...options?.headers, Authorization: `Bearer ${given}` };
      let answer;
      try {
        answer = await fetch(this.address + path, { ...options, method, headers });
      } catch (error) {
        if (options?.signal?.aborted && options.signal.reason?.name !== "TimeoutError") throw error;
        throw this.away();
      }
      if (answer.ok) return answer;
      if (answer.status !== 401) {
        throw new Refused(this.detailOf(await answer.text(), answer.status), answer.status);
      }
      token.refused(given);
      given = await token.ask(this.wrongToken, true);
    }
    throw new Refused("Nothing was done: it needs a token.", 401);
  }

  async call(method, path, body, headers = {}) {
    const options = { signal: AbortSignal.timeout(20000), headers };
    if (body !== undefined) {
      options.body = JSON.stringify(body);
      options.headers = { ...headers, "Content-Type": "application/json" };
    }
    return (await this.ask(method, path, options)).json();
  }
}

// Where this page comes from.
export const control = new Service("The control plane", "");
