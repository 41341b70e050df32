/** A certificate authority for the tests, and a home folder in which Chromium trusts it. */

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Every host name of the tests' pages and APIs. */
const NAMES = [
  "DNS:localhost",
  "IP:127.0.0.1",
  "IP:::1",
  ...["app", "api", "other"].flatMap((host) => [`DNS:${host}.example.com`, `DNS:${host}.example.org`]),
];

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export class Authority {
  /** The certificate of the authority, which clients in Node trust too. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  private readonly home: string;

  private constructor(private readonly folder: string) {
    this.ca = join(folder, "ca.pem");
    this.certificate = join(folder, "leaf.pem");
    this.key = join(folder, "leaf.key");
    this.home = join(folder, "home");
  }

  /** Makes the authority, one certificate for all names, and the home folder. */
  static async make(): Promise<Authority> {
    const authority = new Authority(await mkdtemp(join(tmpdir(), "hardtack-authority-")));
    try {
      await authority.sign();
      await authority.trust();
      return authority;
    } catch (error) {
      await authority.remove();
      throw error;
    }
  }

  /** Returns the environment of a Chromium that trusts this authority. */
  get browserEnv(): Record<string, string> {
    return homeAt(this.home);
  }

  async remove(): Promise<void> {
    // Chromium's helper processes may still write into the home folder while the browser ends.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  private async sign(): Promise<void> {
    const openssl = (...args: string[]) => run("openssl", args, { cwd: this.folder });
    const limits = ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign"];
    await openssl(
      ...["req", "-x509", ...KEY, "-days", "2", "-subj", "/CN=Hardtack's tests", "-keyout", "ca.key", "-out", this.ca],
      ...limits.flatMap((limit) => ["-addext", limit]),
    );
    const uses = [`subjectAltName=${NAMES.join(",")}`, "extendedKeyUsage=serverAuth", "basicConstraints=CA:FALSE"];
    await openssl(
      ...["req", ...KEY, "-subj", "/CN=localhost", "-keyout", this.key, "-out", "leaf.csr"],
      ...uses.flatMap((use) => ["-addext", use]),
    );
    await openssl(
      ...["x509", "-req", "-in", "leaf.csr", "-days", "2", "-copy_extensions", "copyall"],
      ...["-CA", this.ca, "-CAkey", "ca.key", "-CAcreateserial", "-out", this.certificate],
    );
  }

  /** On Linux, Chromium reads its user's trusted authorities from this database only. */
  private async trust(): Promise<void> {
    const folder = join(this.home, ".pki/nssdb");
    await mkdir(folder, { recursive: true });
    await run("certutil", ["-d", `sql:${folder}`, "-N", "--empty-password"]);
    await run("certutil", ["-d", `sql:${folder}`, "-A", "-n", "tests", "-t", "C,,", "-i", this.ca]);
  }
}

/** Returns the environment of a program with a separate home folder. */
export function homeAt(home: string): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    // These variables name folders outside of the home.
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith("XDG_"),
  );
  return { ...Object.fromEntries(inherited), HOME: home };
}
