import { expect, test } from "vitest";
import { type Route, parseHash, toHash } from "./route";

test("every route is read back as it was written, whatever its names are", () => {
  const names = ["photos", "a/b", "../..", "%2F", "#?&=", "javascript:alert(1)", "猫\u202e\r\n", "//evil.example/"];
  const routes: Route[] = [
    { page: "overview" },
    { page: "callbacks" },
    { page: "owed" },
    { page: "buckets" },
    { page: "refusals" },
    ...names.flatMap((name): Route[] => [
      { page: "call", id: name },
      { page: "refusal", id: name },
      { page: "objects", bucket: name, prefix: "" },
      { page: "objects", bucket: "photos", prefix: name },
      { page: "settings", bucket: name },
    ]),
  ];
  for (const route of routes) {
    const hash = toHash(route);
    expect(hash).toMatch(/^#\/[\w%.~!*'()/-]*$/);
    expect(parseHash(hash)).toEqual(route);
  }
});

test("what cannot be read is the overview", () => {
  for (const hash of ["", "#", "#/", "#/nothing", "#/%", "#javascript:alert(1)", "#//evil.example"]) {
    expect(parseHash(hash)).toEqual({ page: "overview" });
  }
});
