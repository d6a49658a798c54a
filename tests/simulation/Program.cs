using JitGrains.Simulation.Commands;
using JitGrains.Simulation.Machine;

FixedHashes.Install();
// What the framework sends to the pool by itself runs there one by one, between two steps of the simulation.
if (!ThreadPool.SetMinThreads(1, 1) || !ThreadPool.SetMaxThreads(1, 1))
    throw new InvalidOperationException("The thread pool does not take one thread.");
return Sim.Run(args);
