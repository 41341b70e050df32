/** Request bodies and their content types. */

import { expect, test } from "./fixtures";

test("JSON arrives as JSON", async ({ play, open }) => {
  const server = await play();
  const client = await open(server);
  const value = { name: "Zoë & <b>", list: [1, null, true] };
  const call = client.begin({ method: "post", path: "/api/x", json: value });
  const asked = await server.next();
  expect(asked.line).toBe("POST /api/x");
  expect(asked.headers).toMatchObject({ "content-type": "application/json", accept: "application/json" });
  expect(JSON.parse(asked.body)).toEqual(value);
  asked.answer(201, "done");
  expect(await call.outcome).toEqual({ status: 201, text: "done" });
});

test("a form arrives urlencoded, as browsers send forms", async ({ play, open }) => {
  const server = await play();
  const client = await open(server);
  const fields = { a: "1 + 1", b: "Zoë & <b>", c: "", "d=": "two\r\nlines" };
  const call = client.begin({ method: "post", path: "/api/x", form: fields });
  const asked = await server.next();
  expect(asked.headers).toMatchObject({
    "content-type": "application/x-www-form-urlencoded",
    accept: "application/json",
  });
  expect(Object.fromEntries(new URLSearchParams(asked.body))).toEqual(fields);
  expect(asked.body).toBe(new URLSearchParams(fields).toString());
  asked.answer();
  await call.outcome;
});

test("what is no list of names and values is no form, and is not sent", async ({ play, open }) => {
  const server = await play();
  const client = await open(server);
  const call = client.begin({ method: "post", path: "/api/x", form: { deep: { er: 1 } } });
  expect(await call.outcome).toEqual(expect.objectContaining({ kind: "invalid" }));
  expect(await client.sent()).toEqual([]);
});

test("a call without a body names no content type", async ({ play, open }) => {
  const server = await play();
  const client = await open(server);
  for (const method of ["get", "post"] as const) {
    const call = client.begin({ method, path: "/api/x" });
    const asked = await server.next();
    expect(asked.headers["content-type"]).toBeUndefined();
    expect(asked.headers.accept).toBe("application/json");
    expect(asked.body).toBe("");
    asked.answer();
    await call.outcome;
  }
});

test("a server function sends its arguments as JSON, and its answer is read", async ({ play, open }) => {
  const server = await play();
  const client = await open(server);
  const call = client.begin({ named: "send_handshake" });
  const asked = await server.next();
  expect(asked.line).toBe("POST /api/session");
  expect(asked.headers["content-type"]).toBe("application/json");
  expect(JSON.parse(asked.body)).toEqual({ session: "a value" });
  asked.answer(200, '{"message": "Success!"}');
  expect(await call.outcome).toEqual({ answer: { message: "Success!" } });
});

test("a server function that reads sends no body", async ({ play, open }) => {
  const server = await play();
  const client = await open(server);
  const call = client.begin({ named: "read_handshake" });
  const asked = await server.next();
  expect(asked.line).toBe("GET /api/session");
  expect(asked.headers["content-type"]).toBeUndefined();
  asked.answer(200, '{"id": "kept"}');
  expect(await call.outcome).toEqual({ answer: { id: "kept" } });
});
