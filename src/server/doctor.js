// Examines this browser: calls the server in several ways, each of which needs one thing more, and opens the server's
// page that explains the first failure. Every page may load this script, and is then the page that is examined:
//
//   <script src="https://api.example.com/doctor.js"></script>
//
// An application with a client of its own, or one that a server renders, may say so before that:
//
//   globalThis.hardtackDoctor = { client: (url) => axios.get(url), rendered: false }
//
// client: calls a URL as the application does, and returns the response's JSON, or { data } as axios does;
// rendered: whether the page knew a session when it was rendered.
(() => {
  const part = (name) => document.querySelector(`[data-doctor=${name}]`);
  const exported = document.querySelector("meta[name=hardtack-api]");
  // A module has no `currentScript`.
  const script = document.currentScript ?? document.querySelector("script[src$='/doctor.js']");
  const api = exported?.content || new URL(script.src).origin;
  const given = globalThis.hardtackDoctor ?? {};
  const examination = part("examination");
  const isOwn = !!examination && !exported;
  /** The server's own origin. To the server, its own page under another host name is a page of another origin. */
  const named = examination?.dataset.server || api;
  let server;

  /** The server sent another response than the expected one. */
  class Refused extends Error {
    constructor(status, how = "") {
      super(`The server answers with status ${status}${how}.`);
      this.status = status;
    }
  }

  const call = (path, options) =>
    fetch(api + path, { credentials: "include", cache: "no-store", signal: AbortSignal.timeout?.(10_000), ...options });

  const answered = (answer) => {
    if (!answer.ok) throw new Refused(answer.status);
    return answer;
  };
  const read = async (answer) => {
    const text = await answered(answer).text();
    try {
      return JSON.parse(text);
    } catch {
      throw new Refused(answer.status, ", but not with its own text: something on the way answers in its place");
    }
  };

  const attempt = async (ask) => {
    try {
      return { answered: (await ask()) ?? null };
    } catch (error) {
      if (error instanceof Refused && !(error.status === 403 && named !== location.origin)) throw error;
      // Refused as a page of another origin. Such a page could not read the response, so the call counts as failed.
      if (error instanceof Refused) server = named;
      return "failed";
    }
  };

  /** The number of failed attempts before a success: one of several servers may be down. */
  let missed;

  /** Makes at most three attempts; none after a failure of 5 seconds, because it would take as long again. */
  const insist = async (ask) => {
    for (let failed = 0; ; failed += 1) {
      const begun = Date.now();
      const result = await attempt(ask);
      if (result !== "failed") missed += failed;
      if (result !== "failed" || failed === 2 || Date.now() - begun > 5000) return result;
    }
  };

  /** Returns whether the visitor has denied access to the local network. Browsers name the permission differently. */
  async function isLocalNetworkDenied() {
    for (const name of ["local-network-access", "local-network", "loopback-network"]) {
      const permission = await navigator.permissions?.query({ name }).catch(() => undefined);
      if (permission?.state === "denied") return true;
    }
    return false;
  }

  async function examine() {
    [server, missed] = [api, 0];
    // The value of the test cookies, and the nonce that tells this examination's responses from those of others.
    const [test, nonce] = crypto.getRandomValues(new Uint32Array(2));
    let asked = 0;
    const echo = () => `/api/doctor/echo?test=${test}&nonce=${nonce}n${++asked}`;
    let violated = false;
    const note = ({ blockedURI, disposition, effectiveDirective }) => {
      if (disposition !== "enforce" || effectiveDirective !== "connect-src") return;
      violated ||= blockedURI === "self" || new URL(blockedURI, location.href).origin === api;
    };
    addEventListener("securitypolicyviolation", note);
    // On the server's own page a call may need the cookies of a proxy that guards the server.
    const bare = api === location.origin ? "include" : "omit";
    const tries = {
      // Without the path, which may hold a secret.
      page: `${location.origin}/`,
      opaque: await insist(async () => void (await call("/doctor.js", { mode: "no-cors", credentials: bare }))),
      plain: "skipped",
      credentialed: "skipped",
      repeats: [],
      json: "skipped",
      failing: "skipped",
      application: "skipped",
      rendered: given.rendered ?? null,
      nonce: "",
      cached: false,
      own: isOwn,
      now: Math.floor(Date.now() / 1000),
    };
    await reach(tries, echo, test, bare);
    tries.server = `${server}/api/doctor/echo`;
    // The violation event comes after its request.
    await new Promise((done) => setTimeout(done));
    removeEventListener("securitypolicyviolation", note);
    tries.browser = {
      agent: navigator.userAgent.slice(0, 200),
      cookies: navigator.cookieEnabled,
      policy_violated: violated,
      local_network_denied: await isLocalNetworkDenied(),
    };
    return tries;
  }

  /** Makes the calls one after the other. After the first failure no other call says more. */
  async function reach(tries, echo, test, bare) {
    if (tries.opaque === "failed") return;
    tries.plain = await insist(async () => void (await call(echo(), { credentials: bare }).then(read)));
    if (tries.plain === "failed") return;
    const set = async () => void (await call(`/api/doctor/set?test=${test}`, { method: "POST" }).then(answered));
    tries.credentialed = await insist(set);
    if (tries.credentialed === "failed") return;
    tries.credentialed = await insist(async () => {
      const url = echo();
      tries.nonce = new URLSearchParams(url.split("?")[1]).get("nonce");
      return read(await call(url));
    });
    if (tries.credentialed === "failed") return;
    // No cache keeps a POST. Its preflight is cached only where `no-store` does not forbid it.
    const json = { method: "POST", cache: "default", headers: { "content-type": "application/json" }, body: "{}" };
    // One URL for all attempts, because preflights are cached by URL.
    const url = echo();
    tries.json = await insist(async () => void (await call(url, json).then(read)));
    tries.failing = await insist(async () => void (await call("/api/doctor/fail")));
    for (let more = 0; more < 6; more += 1) {
      const known = await attempt(async () => (await call(echo()).then(read)).session);
      tries.repeats.push(known === "failed" ? null : known.answered);
    }
    tries.repeats.push(...Array(missed).fill(null));
    // One URL, called twice: a cache in front of the server may keep a response that it must not keep.
    const once = await attempt(async () => (await call("/api/doctor/echo").then(read)).answer);
    const again = await attempt(async () => (await call("/api/doctor/echo").then(read)).answer);
    tries.cached = !!once.answered && once.answered === again.answered;
    if (isOwn && examination.dataset.rendered) {
      // Rendered anew, because the session may have begun since.
      const anew = await attempt(async () => (await call("/doctor")).text());
      const [, rendered] = /data-rendered="(true|false)"/.exec(anew.answered) ?? [];
      tries.rendered = rendered ? rendered === "true" : null;
    }
    if (given.client) {
      tries.application = await attempt(async () => {
        const late = new Promise((_, fail) => setTimeout(fail, 10_000, new Error("no answer")));
        const answer = await Promise.race([given.client(api + echo()), late]);
        return (answer.data?.data ?? answer.data ?? answer).test_cookie === true;
      });
    }
  }

  const page = (tries) => `${api}/doctor?tries=${encodeURIComponent(JSON.stringify(tries))}`;

  async function run(say) {
    if (self.origin === "null" || !location.protocol.startsWith("http")) {
      return say("This page has no origin that a server could allow. Serve it over http: python3 -m http.server");
    }
    if (top !== self) return say("This page is in a frame, so its cookies can be third-party. Open it in a tab.");
    say("Asking the server.");
    const unreached = part("unreached");
    if (unreached) unreached.hidden = true;
    try {
      // Locked, because two tabs at once would take each other's test cookies for lost.
      const tries = await (navigator.locks?.request("hardtack-doctor", examine) ?? examine());
      if (tries.opaque !== "failed" || !unreached) return location.assign(page(tries));
      unreached.querySelector("a").href = page(tries);
      unreached.hidden = false;
      say("");
    } catch (error) {
      say(`${error.message} Try again in a moment.`);
    }
  }

  const copy = part("copy");
  copy?.addEventListener("click", async () => {
    const text = part("text");
    getSelection().selectAllChildren(text);
    // Over plain http there is no clipboard. The text stays selected, so that it can be copied by hand.
    await navigator.clipboard?.writeText(text.textContent.trim());
    copy.textContent = navigator.clipboard ? "Copied" : "Selected";
  });
  if (copy) copy.hidden = false;

  const button = part("examine");
  if (button) {
    button.disabled = false;
    button.addEventListener("click", async () => {
      button.disabled = true;
      await run((text) => (part("status").textContent = text));
      button.disabled = false;
    });
  } else if (!part("text")) {
    run((text) => text && console.info(`Hardtack's doctor: ${text}`));
  }
})();
