// Builds the programs of Kubernetes that tests start, unless they are there.
import { buildKubernetes } from "./kubernetes-programs.ts";

process.stdout.write(`${await buildKubernetes()}\n`);
