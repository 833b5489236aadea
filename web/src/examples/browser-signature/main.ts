import { startExample } from "../start";

void startExample("browserSignature");
