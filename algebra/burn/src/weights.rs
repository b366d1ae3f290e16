//! Weights on a device.

use crate::number::Number;
use burn::tensor::{Device, Tensor, TensorData};
use core::marker::PhantomData;
use sottovoce_algebra::{Parameters, Part};

/// The matrices of [`Parameters`], where a device computes. They go up once and come back when asked for, not with every step.
#[derive(Clone, Debug)]
pub struct Weights<R> {
    device: Device,
    /// By the part's number.
    pub(crate) parts: Vec<Tensor<2>>,
    precision: PhantomData<R>,
}

impl<R: Number> Weights<R> {
    /// Copies all matrices to a device.
    #[must_use]
    pub fn new(parameters: &Parameters<R>, device: &Device) -> Self {
        let up = |part: Part| {
            let shape = [part.rows as usize, part.columns as usize];
            Tensor::from_data(TensorData::new(parameters.part(part).to_vec(), shape), (device, R::DTYPE))
        };
        let parts = parameters.parts().map(|(_, part)| up(part)).collect();
        Self { device: device.clone(), parts, precision: PhantomData }
    }

    /// Copies all matrices back.
    ///
    /// # Panics
    /// If `parameters` are of another model, or the device fails.
    pub fn read(&self, parameters: &mut Parameters<R>) {
        let parts: Vec<Part> = parameters.parts().map(|(_, part)| part).collect();
        assert_eq!(parts.len(), self.parts.len(), "parameters of another model");
        for (part, matrix) in parts.into_iter().zip(&self.parts) {
            parameters.part_mut(part).copy_from_slice(&down(matrix.clone()));
        }
    }

    /// Where they are.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One matrix.
    pub(crate) fn part(&self, part: Part) -> Tensor<2> {
        self.parts[part.index as usize].clone()
    }
}

/// The numbers of a matrix, row by row.
pub(crate) fn down<R: Number>(matrix: Tensor<2>) -> Vec<R> {
    matrix.try_into_vec_as().unwrap_or_else(|e| panic!("the device does not give its numbers back: {e}"))
}
