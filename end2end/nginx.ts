/** The common configuration of nginx in all tests. */

const TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);

/** Returns the arguments that start it in this folder with this file. */
export function nginxArguments(folder: string, file: string): string[] {
  return ["-p", folder, "-c", file, "-e", "stderr"];
}

/**
 * Returns a complete configuration with this `http` block. nginx writes all files into the folder that it is started
 * in.
 */
export function nginxConf(http: string): string {
  return `${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
# One process, because a worker would outlive a killed test run.
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	${TEMPORARY.join("\n\t")}
${http}
}
`;
}
