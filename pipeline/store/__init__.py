"""HDF5 files of format hindcast/1: their layout, the shards, the joined data set, and the reader of both.

Later rooms import it. Only this room uses h5py and hdf5plugin, except for the plain loop of `methods`.
"""
