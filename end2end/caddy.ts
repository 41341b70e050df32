/** The real Caddy, serving a folder of files over https. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Authority, homeAt } from "./authority";
import { answers } from "./call";
import { onFreePort } from "./ports";
import { Program } from "./program";

/**
 * What holds for all of its sites. Without HTTP/3, which would want UDP; its end does not wait for connections that a
 * browser keeps; and of an authority of its own it tells nobody.
 */
export const OPTIONS = `{
	admin off
	auto_https off
	default_sni localhost
	grace_period 100ms
	skip_install_trust
	servers {
		protocols h1 h2
	}
}
`;

function caddyfile(port: number, root: string, { certificate, key }: Authority): string {
  return `${OPTIONS}
https://:${port} {
	bind 127.0.0.1
	tls ${certificate} ${key}
	root * ${root}
	header Cache-Control no-store
	file_server
}
`;
}

export class Caddy {
  private constructor(
    readonly port: number,
    private readonly program: Program,
  ) {}

  /**
   * Serves `root` under every name of the certificate. `folder` is Caddy's own, for what it writes.
   *
   * On no port that another Caddy may have as well: both would listen, and each would get some of the calls.
   */
  static async start(root: string, folder: string, authority: Authority): Promise<Caddy> {
    return onFreePort(async (port) => {
      const file = join(folder, "Caddyfile");
      await writeFile(file, caddyfile(port, root, authority));
      const args = ["run", "--adapter", "caddyfile", "--config", file];
      const ready = () => answers(`https://localhost:${port}/`, authority.ca);
      return new Caddy(port, await Program.start("caddy", args, { cwd: folder, env: homeAt(folder) }, ready));
    });
  }

  async stop(): Promise<void> {
    await this.program.stop();
  }
}
