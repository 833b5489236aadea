import { startExample } from "../start";

void startExample("serverCallback");
