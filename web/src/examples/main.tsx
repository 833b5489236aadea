import { IndexPage } from "./IndexPage";
import { draw } from "./start";

draw(<IndexPage />);
