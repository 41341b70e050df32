/** The accessibility rules that a machine can check. */

import axe from "axe-core";
import { expect, type Page } from "./fixtures";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Asserts that the page violates no rule in its current state. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  // Waits for fading colours, because they have their final contrast only then.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)));
  const { violations } = await page.evaluate(
    (rules) => (window as unknown as { axe: typeof axe }).axe.run(document, { runOnly: rules }),
    RULES,
  );
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`);
  expect(found, page.url()).toEqual([]);
}
