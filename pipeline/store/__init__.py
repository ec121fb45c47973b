"""Steps <-> HDF5, format hindcast/1: layout, shards, the joined data set, and the reader of both.

Imported by the rooms after it. The only user of h5py and hdf5plugin, except for the plain loop of `methods`.
"""
