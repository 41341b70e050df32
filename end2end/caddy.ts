/** The real Caddy, which serves a folder of files over https. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Authority, homeAt } from "./authority";
import { answers } from "./call";
import { onFreePort } from "./ports";
import { Program } from "./program";

/**
 * The options for all sites. HTTP/3 is off, because it would need UDP. The stop does not wait for connections that a
 * browser keeps open. The local authority is not installed on the system.
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
   * Serves `root` under every name of the certificate. Caddy writes its own files into `folder`.
   *
   * The port must not be another Caddy's, because both would listen on it and share the calls.
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
