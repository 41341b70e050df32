/** What the real nginx is told wherever a test starts it: everything around the sites. */

const TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);

/** How it is started in this folder with this file. */
export function nginxArguments(folder: string, file: string): string[] {
  return ["-p", folder, "-c", file, "-e", "stderr"];
}

/** A whole configuration with this in its `http`. All that nginx writes is in the folder it is started with. */
export function nginxConf(http: string): string {
  return `${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
# One process: a worker would outlive a test run that is killed.
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
