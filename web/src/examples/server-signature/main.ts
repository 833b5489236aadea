import { startExample } from "../start";

void startExample("serverSignature");
