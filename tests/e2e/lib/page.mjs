// The part of a browser page that next-auth/react needs: an address, and a fetch that stores cookies and sends an Origin.
// The tests in test-ui use a real browser.

export class Page {
  cookies = new Map();
  requests = [];

  constructor(address) {
    this.origin = new URL(address).origin;
    this.location = { href: address, reload() {} };
  }

  get cookie() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  fetch = async (address, { headers, origin = this.origin, ...options } = {}) => {
    const url = new URL(address, this.origin);
    const sent = new Headers(headers);
    if (this.cookies.size > 0) sent.set("cookie", this.cookie);
    if ((options.method ?? "GET").toUpperCase() !== "GET") sent.set("origin", origin);
    const response = await Page.realFetch(url, { ...options, headers: sent, redirect: "manual" });
    this.requests.push({ url, status: response.status, headers: response.headers });
    this.storeCookies(response);
    return response;
  };

  /** Stores the cookies of a response. */
  storeCookies({ headers }) {
    for (const line of headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }

  /** Makes this page the global environment of code written for browsers. */
  enter() {
    globalThis.window = { location: this.location, addEventListener() {}, removeEventListener() {} };
    globalThis.fetch = this.fetch;
    // The client never closes its channel, and an open channel keeps Node.js running.
    globalThis.BroadcastChannel = undefined;
    return this;
  }

  static realFetch = globalThis.fetch;
  static realChannel = globalThis.BroadcastChannel;

  static leave() {
    delete globalThis.window;
    globalThis.fetch = Page.realFetch;
    globalThis.BroadcastChannel = Page.realChannel;
  }
}

// Version 4 of the client reports errors to the server, even after the response.
Object.defineProperty(globalThis, "navigator", { value: { sendBeacon: () => true }, configurable: true });
