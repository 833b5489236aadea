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
        path: "/assets/index-B7QFSx7h.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/index-B7QFSx7h.js"),
    },
    Asset {
        path: "/assets/index-BLvdNUqX.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/index-BLvdNUqX.css"),
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
        path: "/console/assets/index-B80vKtfm.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/index-B80vKtfm.js"),
    },
    Asset {
        path: "/console/assets/index-m39e5LIu.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/index-m39e5LIu.css"),
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
        path: "/examples/assets/index-BWY-Ww8w.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-BWY-Ww8w.js"),
    },
    Asset {
        path: "/examples/assets/index-CjJuJ7w9.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-CjJuJ7w9.js"),
    },
    Asset {
        path: "/examples/assets/index-PkmlVJWo.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-PkmlVJWo.js"),
    },
    Asset {
        path: "/examples/assets/index-e87dw3R-.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-e87dw3R-.js"),
    },
    Asset {
        path: "/examples/assets/start-AkiiXmQQ.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/start-AkiiXmQQ.js"),
    },
    Asset {
        path: "/examples/assets/start-DzjkJHym.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/start-DzjkJHym.css"),
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
