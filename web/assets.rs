//! The files of `dist`. Written by the page's build; a test compares it with the folder.

use crate::Asset;

pub(crate) const ASSETS: &[Asset] = &[
    Asset {
        path: "/LICENSES.txt",
        content_type: "text/plain; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/LICENSES.txt"),
    },
    Asset {
        path: "/assets/drop-9ITg6Ob5.svg",
        content_type: "image/svg+xml",
        immutable: true,
        bytes: include_bytes!("dist/assets/drop-9ITg6Ob5.svg"),
    },
    Asset {
        path: "/assets/index-Dfz_hcjV.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/index-Dfz_hcjV.css"),
    },
    Asset {
        path: "/assets/index-PrL9WuKo.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/index-PrL9WuKo.js"),
    },
    Asset {
        path: "/assets/zh_CN-CHg7ulCO.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/zh_CN-CHg7ulCO.js"),
    },
    Asset {
        path: "/console/LICENSES.txt",
        content_type: "text/plain; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/console/LICENSES.txt"),
    },
    Asset {
        path: "/console/assets/favicon-C9HehRxi.svg",
        content_type: "image/svg+xml",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/favicon-C9HehRxi.svg"),
    },
    Asset {
        path: "/console/assets/index-CODx6zBm.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/index-CODx6zBm.js"),
    },
    Asset {
        path: "/console/assets/index-zThCxgpc.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/index-zThCxgpc.css"),
    },
    Asset {
        path: "/console/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/console/index.html"),
    },
    Asset {
        path: "/examples/LICENSES.txt",
        content_type: "text/plain; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/LICENSES.txt"),
    },
    Asset {
        path: "/examples/assets/favicon-C9HehRxi.svg",
        content_type: "image/svg+xml",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/favicon-C9HehRxi.svg"),
    },
    Asset {
        path: "/examples/assets/index-BnIlcgcb.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-BnIlcgcb.js"),
    },
    Asset {
        path: "/examples/assets/index-BuHAZqVL.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-BuHAZqVL.js"),
    },
    Asset {
        path: "/examples/assets/index-CDgASmct.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-CDgASmct.js"),
    },
    Asset {
        path: "/examples/assets/index-Cj7fz3F-.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-Cj7fz3F-.js"),
    },
    Asset {
        path: "/examples/assets/start-BC5pgD2n.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/start-BC5pgD2n.js"),
    },
    Asset {
        path: "/examples/assets/start-DEPj9aP7.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/start-DEPj9aP7.css"),
    },
    Asset {
        path: "/examples/browser-signature/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/browser-signature/index.html"),
    },
    Asset {
        path: "/examples/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/index.html"),
    },
    Asset {
        path: "/examples/server-callback/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/server-callback/index.html"),
    },
    Asset {
        path: "/examples/server-signature/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/server-signature/index.html"),
    },
    Asset {
        path: "/favicon.svg",
        content_type: "image/svg+xml",
        immutable: false,
        bytes: include_bytes!("dist/favicon.svg"),
    },
    Asset {
        path: "/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/index.html"),
    },
    Asset {
        path: "/manifest.webmanifest",
        content_type: "application/manifest+json",
        immutable: false,
        bytes: include_bytes!("dist/manifest.webmanifest"),
    },
];
