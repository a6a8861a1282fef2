import { render } from "preact";
import { App } from "./app.tsx";
// oxlint-disable-next-line import/no-unassigned-import -- the bundler takes it out
import "./style.css";

const root = document.querySelector("#app");
if (root !== null) render(<App />, root);
