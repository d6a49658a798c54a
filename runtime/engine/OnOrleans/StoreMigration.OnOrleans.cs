namespace JitGrains.Runtime.Engine;

public static partial class StoreMigration
{
    static partial void AddSteps(GrainEngineOptions options, ICollection<Func<Task<string>>> steps, CancellationToken cancellationToken)
    {
        if (options.Orleans is not { Storage: OrleansStorage.Database, Database: { } database })
            return;
        steps.Add(async () =>
        {
            await OrleansSchema.PrepareAsync(database, cancellationToken);
            return "Orleans' tables have what JitGrains needs of them.";
        });
    }
}
