import { awake, expect, test } from "../fixtures";
import { button, fillIn, open, register, somebody } from "../people";

for (const javaScriptEnabled of [true, false]) {
  test(`a device is signed out from another, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async ({ visitor }) => {
    const desk = await visitor({ javaScriptEnabled });
    const phone = await visitor();
    const ada = somebody();
    await register(desk, ada, javaScriptEnabled);
    await open(phone, "/login");
    await fillIn(phone, ada);
    await button(phone, "Sign in").click();
    await expect(phone).toHaveURL("/profile");

    await open(desk, "/devices", javaScriptEnabled);
    const devices = desk.getByTestId("devices").getByRole("listitem");
    await expect(devices).toHaveCount(2);
    await expect(devices.first()).toContainText("(this one)");
    await expect(devices.last()).toContainText("Chrome on Linux");
    await expect(devices.last()).toContainText("Signed in just now, last seen just now, from 127.0.0.1");
    await devices.last().getByRole("button", { name: "Sign out" }).click();
    await expect(devices).toHaveCount(1);
    await expect(button(desk, "Sign out everywhere else")).toBeHidden();
    // The other device learns of it and navigates by itself.
    await expect(phone).toHaveURL("/login?next=/profile");
    await phone.goto("/devices");
    await expect(phone).toHaveURL("/login?next=/devices");
    await awake(phone);
    await fillIn(phone, ada);
    await button(phone, "Sign in").click();
    await expect(phone).toHaveURL("/devices");

    await open(desk, "/devices", javaScriptEnabled);
    await button(desk, "Sign out everywhere else").click();
    await expect(devices).toHaveCount(1);
    await expect(phone).toHaveURL("/login?next=/devices");
    await desk.reload();
    if (javaScriptEnabled) await awake(desk);
    await devices.first().getByRole("button", { name: "Sign out" }).click();
    await expect(desk).toHaveURL(/^[^?]*\/login/);
  });
}
