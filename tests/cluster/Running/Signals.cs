using System.Runtime.InteropServices;

namespace JitGrains.ClusterTests.Running;

/// <summary>Signals to a process by its id.</summary>
internal static partial class Signals
{
    private const int Term = 15;
    private const int Cont = 18;
    private const int Stop = 19;

    public static void Terminate(int process) => Send(process, Term);

    /// <summary>Nothing of the process runs any more, until <see cref="Resume"/>.</summary>
    public static void Suspend(int process) => Send(process, Stop);

    public static void Resume(int process) => Send(process, Cont);

    private static void Send(int process, int signal)
    {
        if (Kill(process, signal) != 0)
            throw new InvalidOperationException($"kill({process}, {signal}): errno {Marshal.GetLastPInvokeError()}");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
