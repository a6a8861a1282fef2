import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** PEM text. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Makes certificates in a folder, with openssl. */
export interface Authority extends Certificate {
  /** @param names as in `subjectAltName`, such as `DNS:localhost`; none for a client's */
  issue(commonName: string, names?: string): Certificate;
}

/** An authority of one's own, or `undefined` without openssl. */
export function createAuthority(folder: string, name: string): Authority | undefined {
  const made = openssl(folder, `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=${name}`, name);
  if (made === undefined) return undefined;
  return {
    ...made,
    issue(commonName, names) {
      const own = `${name}-${commonName}`;
      const issuer = `-CA ${join(folder, `${name}.pem`)} -CAkey ${join(folder, `${name}.key`)}`;
      const extension = names === undefined ? "" : ` -addext subjectAltName=${names}`;
      const issued = openssl(
        folder,
        `req -x509 ${issuer} -newkey rsa:2048 -nodes -days 2 -subj /CN=${commonName}${extension}`,
        own,
      );
      if (issued === undefined) throw new Error(`openssl did not issue a certificate for ${commonName}`);
      return issued;
    },
  };
}

function openssl(folder: string, argv: string, name: string): Certificate | undefined {
  const [certificate, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const { status } = spawnSync("openssl", [...argv.split(" "), "-keyout", key, "-out", certificate]);
  if (status !== 0) return undefined;
  return { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
}
