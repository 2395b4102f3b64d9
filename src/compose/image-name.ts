import type { Project } from './project.ts'
import type { ServiceConfig } from './service.ts'

/** The image that a service's containers are made of: its own, or the one its build is tagged with. */
export const imageName = (
  project: Pick<Project, 'name'>,
  name: string,
  service: Pick<ServiceConfig, 'image'>,
): string => service.image ?? `${project.name}-${name}`
