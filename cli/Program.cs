using JitGrains.Cli;

return await JitCommand.RunAsync(args, CliHost.OfProcess());
