//! Futures as promises.
//!
//! `wasm-bindgen` can do this for exported async functions, but when compiled with atomics it wakes futures through
//! shared memory, which a page that is not isolated does not have. This executor wakes them on the thread that runs the
//! engine, where everything that they wait for happens.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    /// A promise whose `catch` takes any function, not only a closure.
    #[wasm_bindgen(js_name = Promise)]
    type Settling;

    #[wasm_bindgen(method, js_name = catch)]
    fn or_else(this: &Settling, reject: &Function) -> Promise;
}

/// A future, and the function that rejects its promise if polling it traps.
struct Task {
    /// Taken out while it is polled, because it may create or wake other tasks.
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    reject: Function,
}

thread_local! {
    /// The unfinished tasks by number.
    static TASKS: RefCell<HashMap<u32, Task>> = RefCell::default();
    static NEXT: Cell<u32> = const { Cell::new(0) };
    /// Polls the task with this number.
    static POLL: Closure<dyn FnMut(JsValue)> = Closure::new(|number: JsValue| {
        if let Some(number) = number.as_f64() {
            poll(number as u32);
        }
    });
}

/// A promise that settles with the result of `future`.
pub(crate) fn promise<T: Into<JsValue>>(
    future: impl Future<Output = Result<T, JsValue>> + 'static,
) -> Promise {
    let mut future = Some(future);
    Promise::new(&mut |resolve: Function, reject: Function| {
        // The executor function runs once.
        let Some(future) = future.take() else { return };
        let refuse = reject.clone();
        let settled = async move {
            let (settle, value) = match future.await {
                Ok(value) => (resolve, value.into()),
                Err(error) => (refuse, error),
            };
            // The functions of a promise do not throw.
            let _ = settle.call1(&JsValue::UNDEFINED, &value);
        };
        let number = NEXT.get();
        NEXT.set(number.wrapping_add(1));
        let task = Task { future: Some(Box::pin(settled)), reject };
        TASKS.with_borrow_mut(|tasks| tasks.insert(number, task));
        schedule(number);
    })
}

/// Polls a task in a microtask. If it traps, its promise is rejected without running any more wasm.
fn schedule(number: u32) {
    let reject = TASKS.with_borrow(|tasks| tasks.get(&number).map(|task| task.reject.clone()));
    let Some(reject) = reject else { return };
    let polled = POLL.with(|poll| Promise::resolve(&JsValue::from(number)).then(poll));
    drop(polled.unchecked_ref::<Settling>().or_else(&reject));
}

fn poll(number: u32) {
    let future = TASKS.with_borrow_mut(|tasks| tasks.get_mut(&number).and_then(|task| task.future.take()));
    let Some(mut future) = future else { return };
    let waker = Waker::from(Arc::new(Number(number)));
    let pending = future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
    TASKS.with_borrow_mut(|tasks| match tasks.get_mut(&number) {
        Some(task) if pending => task.future = Some(future),
        _ => drop(tasks.remove(&number)),
    });
}

/// Wakes the task with this number.
struct Number(u32);

impl Wake for Number {
    fn wake(self: Arc<Self>) {
        schedule(self.0);
    }
}
