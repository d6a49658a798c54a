using JitGrains.Policy;

namespace JitGrains.Cli.Policies;

/// <summary>A policy of the local disk that a command works with.</summary>
internal static class LocalPolicy
{
    /// <summary>The policy; null where it has errors, which are shown then. Warnings are for <c>jit policy check</c>.</summary>
    public static CompiledPolicy? Load(Invocation run, string path)
    {
        var files = PolicyFiles.Read(run.Host, path, out var unreadable);
        if (files is null)
        {
            run.Output.Failed(unreadable);
            return null;
        }

        var loaded = PolicyLoader.Load(files.Files);
        if (loaded.Policy is null)
        {
            foreach (var problem in loaded.Problems.Where(p => p.Severity == PolicyProblemSeverity.Error))
                run.Output.Note(files.Shown(problem).ToString());
            run.Output.Failed($"{path} is not a valid policy");
        }

        return loaded.Policy;
    }
}
